// leat for C++17: channels, requests and replies as objects that close themselves. A thin layer over <leat/channel.h> and
// <leat/request.h>, which say what everything means; header only, link with -lleat.
//
//     leat::writer quotes("quotes");                      leat::reader quotes("quotes");
//     quotes.publish(Quote{7, 12.5});                     while (auto quote = quotes.read_as<Quote>()) ...
//
// Errors: what a program is expected to meet is a value (false, or an empty optional: nothing to read, or no room, within the
// timeout); everything else is a leat::error with the library's sentence in what(). leat::elapped and leat::closed are such
// errors with types of their own. No exception ever passes through C: one from your callback waits until the library has
// returned.
//
// Structs travel as their bytes: they must be trivially copyable, and both ends must agree on their layout.
//
// Ownership: every class here owns its handle, moves, and does not copy. What it lends (a claim, a loan) must end before its owner
// does. Threads: an object belongs to one thread at a time. Timeouts are std::chrono durations; zero does not wait, leat::forever
// waits for ever.
#ifndef LEAT_LEAT_HPP
#define LEAT_LEAT_HPP

#include <leat/bytes.hpp>
#include <leat/channel.hpp>
#include <leat/request.hpp>

#endif
