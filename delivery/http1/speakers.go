package http1

import "sync"

// maxSpeakers is how many hosts are remembered. Failure policy: when there are more, all are forgotten, and each is asked once more.
const maxSpeakers = 8192

// speakers are the hosts that chose HTTP/1.1 in a TLS handshake where they could have had HTTP/2.
type speakers struct {
	mu    sync.RWMutex
	hosts map[string]struct{}
}

func (s *speakers) has(host string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, ok := s.hosts[host]
	return ok
}

func (s *speakers) add(host string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hosts == nil || len(s.hosts) >= maxSpeakers {
		s.hosts = map[string]struct{}{}
	}
	s.hosts[host] = struct{}{}
}

func (s *speakers) forget(host string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.hosts, host)
}
