#pragma once
#include <quickjs.h>

/* From which line of the sources, counted on from 1, each line of the script comes; behind `count`: from itself. */
struct source_lines {
	uint32_t *lines;
	size_t count;
};

/*
 * Takes out of a compiled module, and of every function in it, what only a debugger shows: columns, and the names of
 * variables. The sources' lines and the names of functions stay. The module can be written (JS_WriteObject), not run.
 */
void strip(JSContext *ctx, JSValueConst module, const struct source_lines *of);
