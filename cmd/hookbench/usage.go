package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// clockTick is the unit of CPU times in /proc, 10 ms on Linux whatever the kernel's own tick is (man 5 proc).
const clockTick = 10 * time.Millisecond

// usage follows processes with their children. A process id of 0 is left out.
type usage struct {
	pids  map[string]int
	start map[string]time.Duration
	cpu   map[string]time.Duration
	peak  map[string]int64 // bytes of memory that the first process has resident
	begun time.Time
	took  time.Duration
	once  sync.Once
	done  chan struct{}
	ended sync.WaitGroup
}

func startUsage(pids map[string]int) *usage {
	u := &usage{pids: map[string]int{}, start: map[string]time.Duration{}, cpu: map[string]time.Duration{}, peak: map[string]int64{}, begun: time.Now(), done: make(chan struct{})}
	for name, pid := range pids {
		if pid > 0 {
			u.pids[name] = pid
			u.start[name] = treeTime(pid)
		}
	}
	u.ended.Go(u.watch)
	return u
}

// watch samples memory until stop.
func (u *usage) watch() {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		for name, pid := range u.pids {
			u.peak[name] = max(u.peak[name], resident(pid))
		}
		select {
		case <-u.done:
			return
		case <-tick.C:
		}
	}
}

// stop ends the count; a second call changes nothing.
func (u *usage) stop() {
	u.once.Do(func() {
		close(u.done)
		u.ended.Wait()
		u.took = time.Since(u.begun)
		for name, pid := range u.pids {
			u.cpu[name] = treeTime(pid) - u.start[name]
		}
	})
}

// peakMiB is the most memory that a process had resident.
func (u *usage) peakMiB(name string) float64 { return float64(u.peak[name]) / (1 << 20) }

// total is the CPU time of all processes.
func (u *usage) total() time.Duration {
	var sum time.Duration
	for _, t := range u.cpu {
		sum += t
	}
	return sum
}

// treeTime is the CPU time of a process, its children that have ended, and its children that live.
func treeTime(pid int) time.Duration {
	sum := cpuTime(pid)
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return sum
	}
	for _, path := range stats {
		child, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err == nil && parent(child) == pid {
			sum += cpuTime(child)
		}
	}
	return sum
}

// fields are those of /proc/PID/stat from the third on; the second is a name that may hold anything.
func fields(pid int) []string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	return strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
}

func parent(pid int) int {
	f := fields(pid)
	if len(f) < 2 {
		return 0
	}
	ppid, err := strconv.Atoi(f[1])
	if err != nil {
		return 0
	}
	return ppid
}

// cpuTime is user and system time, of the process and of its ended children.
func cpuTime(pid int) time.Duration {
	f := fields(pid)
	if len(f) < 15 {
		return 0
	}
	var ticks int64
	for _, text := range f[11:15] {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return 0
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick
}

// ownCPU is the CPU time of this process, finer than a tick.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func resident(pid int) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	f := strings.Fields(string(b))
	if len(f) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(f[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
