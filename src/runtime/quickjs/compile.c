/*
 * At build time: compile SCRIPT NAME OUT [swap] [pack]. A module becomes the engine's bytecode, with its sources' lines
 * and without its text; swap: for a CPU of the other byte order; pack: as main.c has it in the executable.
 */
#include "pack.h"
#include "split.h"
#include "strip.h"
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern bool regexps_swap; /* regexps.c */

static bool wanted(int argc, char **argv, const char *word)
{
	for (int i = 4; i < argc; i++)
		if (!strcmp(argv[i], word))
			return true;
	return false;
}

/* Of X.js they are in X.lines. */
static struct source_lines source_lines(const char *script)
{
	struct source_lines all = { NULL, 0 };
	size_t stem = strlen(script) < 3 ? 0 : strlen(script) - 3;
	char name[4096];
	unsigned long line;
	FILE *f;

	snprintf(name, sizeof name, "%.*s.lines", (int)stem, script);
	f = fopen(name, "r");
	while (f && fscanf(f, "%lu", &line) == 1) {
		uint32_t *more = realloc(all.lines, (all.count + 1) * sizeof *more);

		if (!more)
			break;
		all.lines = more;
		all.lines[all.count++] = (uint32_t)line;
	}
	if (f)
		fclose(f);
	return all;
}

int main(int argc, char **argv)
{
	struct source_lines lines;
	JSRuntime *rt = JS_NewRuntime();
	JSContext *ctx = JS_NewContext(rt);
	FILE *f = argc >= 4 ? fopen(argv[1], "rb") : NULL;
	JSValue code;
	uint8_t *out;
	char *text;
	size_t len;
	long size;

	if (!f || fseek(f, 0, SEEK_END) < 0 || (size = ftell(f)) < 0 || !(text = calloc(1, (size_t)size + 1))) {
		fprintf(stderr, "usage: compile SCRIPT NAME OUT [swap] [pack]\n");
		return 2;
	}
	regexps_swap = wanted(argc, argv, "swap");
	rewind(f);
	len = fread(text, 1, (size_t)size, f);
	fclose(f);
	JS_SetMaxStackSize(rt, 0);
	JS_SetStripInfo(rt, JS_STRIP_SOURCE);
	code = JS_Eval(ctx, text, len, argv[2], JS_EVAL_TYPE_MODULE | JS_EVAL_FLAG_COMPILE_ONLY);
	if (JS_IsException(code)) {
		JSValue e = JS_GetException(ctx), stack = JS_GetPropertyStr(ctx, e, "stack");

		fprintf(stderr, "%s\n%s", JS_ToCString(ctx, e), JS_IsString(stack) ? JS_ToCString(ctx, stack) : "");
		return 1;
	}
	lines = source_lines(argv[1]);
	strip(ctx, code, &lines);
	out = JS_WriteObject(ctx, &len, code, JS_WRITE_OBJ_BYTECODE);
	if (out && wanted(argc, argv, "pack")) {
		uint32_t sizes[REGIONS];
		uint8_t *regions = split(out, len, sizes);

		len = regions ? pack(regions, sizes, (uint32_t)len, &out) : 0;
		if (len == 0)
			return 1;
	}
	f = out ? fopen(argv[3], "wb") : NULL;
	if (!f || fwrite(out, 1, len, f) != len || fclose(f) != 0) {
		perror(argv[3]);
		return 1;
	}
	return 0;
}
