// Package wire speaks the seed protocol: the one of the course assignments that the project began from, in which a
// request and its reply are each one protobuf message without a length in front (design.md, section 8).
//
//	1 opcode  varint    2 c_type  varint    3 key  string    5 data  bytes    6 result  sint32    7 keys  repeated string
//
//	request                                  reply
//	put      40, 30, key, data               41, 50, result = number
//	get      30, 10, key                     31, 20, data
//	del      20, 10, key                     21, 50, result = number
//	size     10, 60                          11, 50, result
//	getkeys  50, 60                          51, 40, keys
//	verify   60, 50, result = number         61, 50, result: 1 executed, 0 pending, -1 lost
//	                                         99, 60, result = -1: what was asked for failed
//
// Where a message ends must be guessed: a tag of field 1 begins the next one; a message that has what its opcode needs
// is whole; and as proto3 sends neither empty strings nor zeros, so is a put without data or a verify without result behind
// which nothing comes for 20 ms. An empty key is whole with the next request, or with the end.
//
// put and del are answered with the operation's number before it commits. Anything else that the connection asks for waits
// for them.
package wire
