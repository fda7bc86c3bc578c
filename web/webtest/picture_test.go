package webtest

import (
	"bytes"
	"cmp"
	"image"
	"image/color"
	"image/png"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// mostPictures is how many bytes all pictures may take: they are in the repository.
const mostPictures = 6 << 20

// most colors of a picture. Pages have few, and what lies between them is the edge of a letter.
const mostColors = 128

// small is a picture with a palette of its own, which takes a fraction of the bytes.
func small(t *testing.T, picture []byte) []byte {
	t.Helper()
	in, err := png.Decode(bytes.NewReader(picture))
	require.NoError(t, err)
	bounds := in.Bounds()
	count := map[color.RGBA]int{}
	at := func(x, y int) color.RGBA { return color.RGBAModel.Convert(in.At(x, y)).(color.RGBA) }
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			count[at(x, y)]++
		}
	}
	out := image.NewPaletted(bounds, paletteOf(count))
	near := make(map[color.RGBA]uint8, len(count))
	for c := range count {
		near[c] = uint8(out.Palette.Index(c))
	}
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			out.SetColorIndex(x, y, near[at(x, y)])
		}
	}
	var b bytes.Buffer
	require.NoError(t, (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, out))
	return b.Bytes()
}

// paletteOf chooses colors: the most frequent ones that differ enough from those that were chosen before, then less different ones.
func paletteOf(count map[color.RGBA]int) color.Palette {
	colors := slices.SortedFunc(maps.Keys(count), func(a, b color.RGBA) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(uint32(a.R)<<16|uint32(a.G)<<8|uint32(a.B), uint32(b.R)<<16|uint32(b.G)<<8|uint32(b.B)))
	})
	var chosen []color.RGBA
	for _, apart := range []int{14, 6, 1} {
		for _, c := range colors {
			if len(chosen) == mostColors {
				break
			}
			if !slices.ContainsFunc(chosen, func(d color.RGBA) bool { return distance(c, d) < apart }) {
				chosen = append(chosen, c)
			}
		}
	}
	palette := make(color.Palette, len(chosen))
	for i, c := range chosen {
		palette[i] = c
	}
	return palette
}

// distance is the largest difference of a part of two colors.
func distance(a, b color.RGBA) int {
	d := func(x, y uint8) int { return max(int(x)-int(y), int(y)-int(x)) }
	return max(d(a.R, b.R), d(a.G, b.G), d(a.B, b.B))
}
