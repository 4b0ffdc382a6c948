// Package diskmodel is a disk that forgets what a real one may forget: a storage.FS in memory, for the simulator and for tests of storage. The
// same calls and the same source of chance give the same bytes; nothing here has a goroutine or looks at a clock.
//
// A file is what the page cache shows and what is on disk; between the two stand writes that were not synced. So it is with names: what has become of
// them is on disk when the directory was synced.
//
//	Kill       the process ends: all that was written stays, and still is not on disk
//	PowerLoss  the machine ends: of each write that was not synced each sector of 512 bytes may have reached the disk or not, of a file
//	           that grew the length, and of the changes of names some
//	StopAt     one of the two is to come in the middle of an operation: that one happens in part, and those behind it not at all
//	Fail       an operation fails, as with a disk that is full or broken
//	Rot        a byte changes, whoever synced it
//
// After a Sync that failed the pages are clean: what was to be written can be read until the power is lost, and no later Sync writes it (Rebello et al.,
// "Can Applications Recover from fsync Failures?", USENIX ATC '20).
package diskmodel
