#pragma once
#include <quickjs.h>

/*
 * Takes out of a compiled module, and of every function in it, what only a debugger shows: columns, and the names of
 * variables. Lines and the names of functions stay. The module can be written (JS_WriteObject), not run.
 */
void strip(JSContext *ctx, JSValueConst module);
