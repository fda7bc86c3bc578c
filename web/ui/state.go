package ui

// Tone is what a state means for the reader.
type Tone string

// The tones. Each has a shape of its own besides its color.
const (
	Good  Tone = "good"  // as it should be
	Wait  Tone = "wait"  // on its way, or held
	Bad   Tone = "bad"   // somebody should look
	Quiet Tone = "quiet" // switched off, or of no consequence
)

// State is the word for where something stands, and what that means.
type State struct {
	Word string
	Tone Tone
}
