// Package auth owns who may do what over the network: users and their
// passwords, API tokens, sessions of browsers, and levels on experiments and
// models. A Gate stands before all rooms of the server; behind it, From tells
// a room on whose behalf a request comes, and Principal.May what they may do.
//
// While nobody has been set up (pipe users add) there is nothing to sign in to:
// the server listens on a loopback address, and everybody who reaches it is the
// person at this machine, who may do all.
package auth
