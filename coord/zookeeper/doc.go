// Package zookeeper is the coordinator for servers in processes of their own: Apache ZooKeeper, 3.5 or later, one server or an
// ensemble. Client implements coord.Client.
//
// # What ZooKeeper holds
//
// Below the chroot of the connect string, if it has one:
//
//	/chaintable/chains/<chain>/view                       persistent; the record of the view
//	/chaintable/chains/<chain>/servers/<id>.<incarnation> persistent; the record of a registration
//	/chain/node0000000007                                 ephemeral, sequential; "127.0.0.1:7001" and one NUL byte
//
// The version of a record is the one that ZooKeeper counts. A change of the view is one Multi: the view by its version, each
// registration to be deleted at its version, and the nodes in /chain of those who go.
//
// /chain is for clients that know nothing but its lowest and highest node, head and tail; no server decides anything from it. It shows
// the members of the chain "main" in chain order at every moment: see plan.
//
// # The client library and its faults
//
// github.com/go-zookeeper/zk v1.0.4 speaks the protocol. What it is known for, and what guards against it here:
//
//   - Its calls take no context and may wait for ever. Each is made by a goroutine of its own, which the caller leaves behind when its
//     ctx ends; there are at most maxCalls of them, and none is begun while there is no connection.
//   - It pauses for a second before it connects anew, if told that all servers were tried. hosts never tells it so, and dial makes
//     the pauses.
//   - It takes any length of packet and decodes it with little care, so that a wrong one could end the process. packets lets only those pass that are
//     whole, bounded, and consistent in their lengths.
//   - After its session expired it opens another by itself, and sends there what was meant for the first. A session here has one zk.Conn,
//     which cannot connect any more once the session is over.
//   - It waits for ever for a server of ZooKeeper that takes requests and answers none, such as a follower that is cut off from its
//     leader, as long as that one answers pings. Where there is another server, a connection that leaves a call without an answer for a third
//     of the session timeout is closed.
//   - When it connects anew it sets its watches anew, and reads without a lock what another of its goroutines writes. So packets tells it, when a
//     connection ends, that all watches have fired; they are set with the next reads.
//   - Its channel of events drops what it has no room for. Events come by a callback.
package zookeeper
