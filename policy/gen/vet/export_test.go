package vet

// Chain is the list of methods, for its test.
var Chain = chain
