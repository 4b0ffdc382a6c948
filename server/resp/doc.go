// Package resp speaks Redis' protocol, RESP2 and RESP3, to clients of a chain.
//
// A request is an array of bulk strings or an inline line:
//
//	*3\r\n $3\r\nSET\r\n $1\r\nk\r\n $1\r\nv\r\n        (without the blanks)
//	SET k v\r\n
//
// One goroutine serves a connection. It executes every whole request that has come, in order, and sends the replies
// when no whole request is left. Writes that follow one another are in flight together, as many as the bounds of a
// batch allow; any other request waits until the writes before it have been applied here, so that a connection's
// requests take effect in the order sent (design.md, section 3.7).
//
// The table in command.go drives everything about a command: dispatch, arity, flags, where its keys are, COMMAND's
// answers. The one in errors.go says what a client is told when the chain does not do what it asked for.
package resp
