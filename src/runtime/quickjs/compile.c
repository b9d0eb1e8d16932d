/*
 * At build time: compile SCRIPT NAME OUT [swap] [pack]. A module becomes the engine's bytecode, with lines and without
 * its text; swap: for a CPU of the other byte order; pack: as main.c has it in the executable.
 */
#include "pack.h"
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

int main(int argc, char **argv)
{
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
	strip(ctx, code);
	out = JS_WriteObject(ctx, &len, code, JS_WRITE_OBJ_BYTECODE);
	if (out && wanted(argc, argv, "pack"))
		len = pack(out, len, &out);
	f = out ? fopen(argv[3], "wb") : NULL;
	if (!f || fwrite(out, 1, len, f) != len || fclose(f) != 0) {
		perror(argv[3]);
		return 1;
	}
	return 0;
}
