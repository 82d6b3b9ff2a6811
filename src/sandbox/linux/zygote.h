#pragma once

#include "base/fd.h"
#include "sandbox/task.h"

// The zygote: the process from which every sandbox of one policy is cloned.
//
// Who is who. The server (threads, requests, secrets) starts a zygote by exec'ing its own binary
// with an empty environment and one socket; the zygote (one thread, not dumpable) becomes the
// sandbox's host uid, makes the outer user namespace, which owns every other namespace of its
// sandboxes, and a small mount namespace that holds the policy's root; then it clones one init per
// kLaunch. It reads the root plan, which the server made out of the operator's policy, and no
// request: a call's plan goes unread to the init.
//
// Who dies with whom. Init dies with its zygote (parent-death signal) and on end of file from the
// server. The zygote has no parent-death signal: on end of file from the server it kills every
// init, waits until they are gone, and exits. There is nothing else to clean up: all mounts of a
// sandbox live in namespaces that end with it.
namespace mayfly::sandbox {

// Serves `control` until its end of file; calls may name one of `tasks`. Returns the process's exit
// code.
int zygote_main(OwnedFd control, TaskTable tasks);

}  // namespace mayfly::sandbox
