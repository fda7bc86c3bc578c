package delivery

// fifo is a first-in, first-out queue in a ring that grows as needed and lets its memory go when it runs empty.
type fifo[T any] struct {
	ring []T // its length is a power of two, or 0
	head int
	size int
	keep int // the largest ring that it keeps when it is empty; 0 stands for keepRing
}

// keepRing is the largest ring that an empty queue keeps. Most lanes hold a job or two now and then; they should not allocate for
// each, and a lane that once held a thousand should not keep their room.
const keepRing = 16

func (q *fifo[T]) push(x T) {
	if q.size == len(q.ring) {
		q.grow()
	}
	q.ring[(q.head+q.size)&(len(q.ring)-1)] = x
	q.size++
}

func (q *fifo[T]) pop() T {
	x := q.ring[q.head]
	var zero T
	q.ring[q.head] = zero // lets go of what it points at
	q.head = (q.head + 1) & (len(q.ring) - 1)
	q.size--
	if q.size == 0 && len(q.ring) > max(q.keep, keepRing) {
		*q = fifo[T]{keep: q.keep}
	}
	return x
}

// settle moves what was pushed last forward, past all that it is to go before, and reports whether it is the first now.
func (q *fifo[T]) settle(before func(a, b *T) bool) (first bool) {
	i := q.size - 1
	for ; i > 0 && before(q.at(i), q.at(i-1)); i-- {
		*q.at(i), *q.at(i - 1) = *q.at(i - 1), *q.at(i)
	}
	return i == 0
}

// popLast removes what was pushed last.
func (q *fifo[T]) popLast() T {
	at := (q.head + q.size - 1) & (len(q.ring) - 1)
	x := q.ring[at]
	var zero T
	q.ring[at] = zero
	q.size--
	return x
}

func (q *fifo[T]) grow() {
	ring := make([]T, max(4, 2*len(q.ring)))
	n := copy(ring, q.ring[q.head:])
	copy(ring[n:], q.ring[:q.head])
	q.ring, q.head = ring, 0
}

// drain empties the queue, calling each for everything in it, in order.
func (q *fifo[T]) drain(each func(T)) {
	for q.size > 0 {
		each(q.pop())
	}
	*q = fifo[T]{keep: q.keep}
}

// at is the element that so many pops would return before it.
func (q *fifo[T]) at(i int) *T { return &q.ring[(q.head+i)&(len(q.ring)-1)] }
