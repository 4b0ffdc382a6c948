// Package freeze stops one server of several in a process as SIGSTOP would stop a process of its own: what is paused
// neither sends, receives nor asks anything, while the kernel goes on accepting connections and bytes for it;
// when it is resumed it goes on in the middle of what it did, with whatever has come in the meantime.
//
// A server is paused by what it touches the world with: its listener, its connections, its client of the
// coordinator, and its loop, which calls Wait before each turn. Goroutines between two such points run on until
// they reach the next; to everybody else that looks as if the signal had come a little later. Clocks run on, as
// they do for a stopped process, and so deadlines that have passed are noticed after Resume.
package freeze
