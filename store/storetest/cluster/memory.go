package cluster

import "syscall"

// MemoryFolder is a folder whose files are kept in memory, when it has so much room in bytes, and "" when not. Tests keep their data
// there: a disk that is slow or shared makes them wait for seconds, and what they prove by ending processes does not need it.
func MemoryFolder(room uint64) string {
	const shm = "/dev/shm"
	var fs syscall.Statfs_t
	if err := syscall.Statfs(shm, &fs); err != nil || uint64(fs.Bsize)*fs.Bavail < room { // #nosec G115 -- a block size
		return ""
	}
	return shm
}
