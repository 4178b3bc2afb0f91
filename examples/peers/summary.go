package main

import (
	"fmt"
	"strings"
)

// fastest is whose decisions take least of those that are asked for, and nil when none of them played.
func fastest(results []result, is func(*result) bool) (best *result) {
	for i := range results {
		if r := &results[i]; is(r) && (best == nil || r.decide < best.decide) {
			best = r
		}
	}
	return best
}

func named(results []result, name string) *result {
	return fastest(results, func(r *result) bool { return r.name == name })
}

func ofClass(results []result, c class) *result {
	return fastest(results, func(r *result) bool { return r.class == c })
}

// summary compares Castellan with the others, as far as they played.
func summary(results []result) []string {
	hot := named(results, hotName)
	if hot == nil {
		return nil
	}
	var lines []string
	against := func(what string, other *result) {
		if other != nil {
			lines = append(lines, fmt.Sprintf("A decision, %s: %s: %s takes %s times as long as %s.", what, other.name, nanos(other.decide), times(other.decide/hot.decide), hot.name))
		}
	}
	for _, name := range []string{handName, handStructName} {
		if r := named(results, name); r != nil {
			lines = append(lines, fmt.Sprintf("A decision: %s takes %s times as long as %s.", hot.name, times(hot.decide/r.decide), r.name))
		}
	}
	against("the fastest library that knows projects", ofClass(results, library))
	against("the fastest library for roles alone", ofClass(results, part))
	against("the fastest policy engine", ofClass(results, engine))
	for i := range results {
		if r := &results[i]; r.class != ours && r.class != hand && r.which > 0 {
			line := fmt.Sprintf("Reverse lists: %s takes %s times as long for which projects, and %s times for who can",
				r.name, times(r.which/hot.which), times(r.who/hot.who))
			if r.own > 0 {
				line += fmt.Sprintf(", or %s times by its own call (%s)", times(r.own/hot.who), asked(r.ownAsked))
			}
			lines = append(lines, line+".")
		}
	}
	return lines
}

func asked(questions int) string {
	if questions == 1 {
		return "one question"
	}
	return fmt.Sprintf("the mean of %d questions", questions)
}

// The targets, as ratios of times.
const (
	mostOfHand      = 1.3 // of the lookup of two maps
	leastOfPeers    = 3   // the fastest that answers the whole question
	leastOfEngines  = 30  // the fastest of them
	leastOfListings = 100 // stock Casbin, with the same rules
)

// targets holds a run against what Castellan is meant to reach, and says what was missed. A peer is who answers the
// whole question: one that knows roles alone answers half of it, and has its line in the summary.
func targets(results []result) []string {
	hot := named(results, hotName)
	if hot == nil {
		return nil
	}
	var lines []string
	judge := func(what string, ratio float64, bound string, met bool) {
		verdict := "missed"
		if met {
			verdict = "met"
		}
		lines = append(lines, fmt.Sprintf("%s: %s times, %s: %s.", what, ratioText(ratio), bound, verdict))
	}
	least := func(what string, ratio, bound float64) {
		judge(what, ratio, fmt.Sprintf("at least %g", bound), ratio >= bound)
	}
	if r := named(results, handName); r != nil {
		judge(hot.name+" beside "+r.name, hot.decide/r.decide, fmt.Sprintf("at most %g", mostOfHand), hot.decide <= mostOfHand*r.decide)
	}
	if r := fastest(results, func(r *result) bool { return r.class == library || r.class == engine }); r != nil {
		least("The fastest peer, "+r.name, r.decide/hot.decide, leastOfPeers)
	}
	if r := ofClass(results, engine); r != nil {
		least("The fastest policy engine, "+r.name, r.decide/hot.decide, leastOfEngines)
	}
	if r := named(results, stockName); r != nil {
		least("Which projects, "+r.name, r.which/hot.which, leastOfListings)
		least("Who can, "+r.name+" by its own call", r.own/hot.who, leastOfListings)
		least("Who can, "+r.name+" by a loop over the accounts of one organization", r.who/hot.who, leastOfListings)
	}
	return lines
}

// ratioText writes a ratio so that one that misses its bound by little does not look like the bound.
func ratioText(x float64) string {
	if x < 100 {
		return strings.TrimSuffix(fmt.Sprintf("%.2f", x), ".00")
	}
	return digits(x)
}
