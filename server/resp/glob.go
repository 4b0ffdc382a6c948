package resp

// maxPattern bounds a pattern, in bytes, and so the time that matching takes: at most the length of the pattern times
// that of the string.
const maxPattern = 1 << 10

// glob tells whether all of s matches the pattern, as in Redis: * any bytes, ? one byte, [abc] [a-c] [^a] one byte of (or
// not of) a set, \ the next byte as it is.
//
// It goes back only to the last star: whatever an earlier star could have taken besides, the last one can take as well.
func glob(pattern, s []byte) bool {
	p, i := 0, 0
	star, from := -1, 0 // the last star, and where in s what follows it is being tried
	for i < len(s) {
		if p < len(pattern) && pattern[p] == '*' {
			star, from = p, i
			p++
			continue
		}
		if p < len(pattern) {
			if next, ok := globOne(pattern, p, s[i]); ok {
				p, i = next, i+1
				continue
			}
		}
		if star < 0 {
			return false
		}
		from++
		p, i = star+1, from
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// globOne matches c with the element of the pattern at p, which is not a star. next is behind the element.
func globOne(pattern []byte, p int, c byte) (next int, ok bool) {
	switch pattern[p] {
	case '?':
		return p + 1, true
	case '[':
		return globSet(pattern, p+1, c)
	case '\\':
		if p+1 < len(pattern) {
			p++
		}
	}
	return p + 1, pattern[p] == c
}

// globSet matches c with the set whose inside starts at p. As in Redis the end of the pattern closes it.
func globSet(pattern []byte, p int, c byte) (next int, ok bool) {
	not := p < len(pattern) && pattern[p] == '^'
	if not {
		p++
	}
	for ; p < len(pattern) && pattern[p] != ']'; p++ {
		switch {
		case pattern[p] == '\\' && p+1 < len(pattern):
			p++
			ok = ok || pattern[p] == c
		case p+2 < len(pattern) && pattern[p+1] == '-':
			low, high := pattern[p], pattern[p+2]
			if low > high {
				low, high = high, low
			}
			ok = ok || low <= c && c <= high
			p += 2
		default:
			ok = ok || pattern[p] == c
		}
	}
	return min(p+1, len(pattern)), ok != not
}
