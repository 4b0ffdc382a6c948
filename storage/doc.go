// Package storage keeps what a server must not forget, in a directory: its log, its table from time to time, and who it is.
//
// A Store is an object of one goroutine, which appends to the log and syncs it; whatever it acknowledges has been synced. It names the few
// operations that it wants of a file system (FS), so that tests and the simulator can put another one in the place of the operating
// system's (Dir).
//
//	LOCK                                    locked while a process has the directory open
//	identity                                who the server is: text, see below
//	log-0000000000000007                    a segment of the log; 7 is its number
//	spare                                   zeros: the next segment
//	table-0000000000000002-00000000000b1f3a a snapshot: the table of generation 2 behind the entry with that seq
//	*.tmp                                   files that are not whole; the next start removes them
//
// All numbers are little endian, all checksums CRC-32C.
//
// # Log
//
// A segment has a fixed size from the start, and is full of zeros where nothing was written, so that a sync has nothing to write but what was
// appended. Its first 4096 bytes are the header, then come frames. Each begins at a multiple of 512 bytes, is written with one call, and never overwritten.
//
//	segment header                          frame header                             record
//	 0  8  "chainlog"                        0  4  "fram"                             0  4  checksum
//	 8  4  format, 1                         4  4  length of the records              4  4  length of the payload
//	12  4  checksum of the record before     8  8  number of the segment              8  8  seq
//	16  8  number                           16  8  offset in the segment             16  8  epoch
//	24  8  generation                       24  8  synced: an offset                 24  4  1 entry, 2 cut
//	32  8  chain id                         32  8  committed: a seq                  28     payload
//	40  8  seq of the entry before          40  4  checksum of the record before
//	48  8  epoch of the entry before        44  4  checksum
//	56  8  size of the file
//	64  8  salt, random
//	72  4  checksum
//
// The checksum of a record begins with that of the record before it, also across segments, and the first of a segment with that of its header: so a
// record counts only where it was written. The checksum of a frame's header begins with the salt, or a client could send a value that looks like one.
// The payload of an entry is the message Entry of api/chaintable/storage/v1. A cut has none: it says that the log ends behind that
// seq, whatever was there, and is the last record of its frame.
//
// Synced is the offset up to which the segment was on disk when the frame was written. After a sync a frame without records is written where the next one
// will stand: it says the same of the last. So a torn end is told from damage: where the frames end, those that stand behind are what a crash has left of
// writes that nobody acknowledged, unless one says that there was more. What is torn is overwritten with zeros before the first append.
//
// Committed is a lower bound of what had committed. What is above is for the chain to decide.
//
// Segments of one generation follow each other without a gap. A server that takes a table from another one begins a new generation behind it:
// what is older counts no more as soon as the first new segment is there under its name.
//
// # Snapshot
//
// It is compressed (zstd) block by block; a block is a chunk of the message that api/chaintable/storage/v1 describes in snapshot.proto. A backup
// is a file of the same kind.
//
//	header                                   block                                   end
//	 0  8  "chaintbl"                        0  4  checksum                           0  4  checksum
//	 8  4  format, 1                         4  4  length of the data                 4  8  0
//	16  8  chain id                          8  4  length of the chunk               12  8  number of blocks
//	24  8  seq of the last entry in it      12     data
//	32  8  epoch of that
//	44  4  checksum
//
// A block's checksum begins with that of the block before, the first one's with that of the header. Two snapshots are kept, and the log from the older
// one on: if the newer one turns out to be damaged nothing is lost.
//
// # Identity
//
// It is two copies, each of 4096 bytes, of a line: a checksum as 8 hex digits, and JSON. The copies are written one after the other. Whoever finds
// one that does not check takes the other.
//
//	d3adb33f {"format":1,"version":5,"node":"6e28ae5671e21a8c","incarnation":2,"chain":"e9b396e92876c3bd","epoch":7,"boot":"…"}
//
// # Versions
//
// Each of the three names its format. A release reads all that were ever released (testdata), and refuses a later one, which is not damage: then nothing is
// removed or written. Another encoding of entries or of tables (package table) is another format of what holds them.
//
// # What it relies on
//
// Sync brings to disk what was written before it (fdatasync; after a failure of it the process must end, for the page may be marked clean). A rename is
// atomic, and is on disk when the directory was synced. A sector of 512 bytes is written whole or not at all. Nothing else: blocks of one
// write may reach the disk in any order, and bytes may rot.
package storage
