#pragma once

namespace mayfly::app {

// `mayfly serve …`: an MCP server on stdin and stdout until the input ends or a signal comes. What
// is wrong with the configuration does not end it: each call is answered with that error, since a
// client shows a server that died as no more than that.
//
// Threads besides the server's own: one that waits for a change of the files that were read, or
// for SIGHUP, and then reads them again. Who is first, it or a call, does the reading.
int serve(int argc, char** argv);

}  // namespace mayfly::app
