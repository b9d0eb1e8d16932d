/*
 * At build time. The engine strips all that is for debugging or nothing (JS_SetStripInfo), and its own structures say
 * what is in between: so this is the engine, for the building machine.
 */
#include <quickjs.c>
#include "strip.h"

/* A function's table of lines, as find_line_num of release 2025-04-26 reads it. */
struct lines {
	const uint8_t *p, *end;
	uint32_t pc;
	int line;
};

static uint32_t number(struct lines *l)
{
	uint32_t v = 0;
	int n = get_leb128(&v, l->p, l->end);

	if (n < 0)
		abort();
	l->p += n;
	return v;
}

static int difference(struct lines *l)
{
	int v = 0, n = get_sleb128(&v, l->p, l->end);

	if (n < 0)
		abort();
	l->p += n;
	return v;
}

/* One entry; its column is passed over. */
static void entry(struct lines *l)
{
	unsigned op = *l->p++;

	if (op == 0) {
		l->pc += number(l);
		l->line += difference(l);
	} else {
		op -= PC2LINE_OP_FIRST;
		l->pc += op / PC2LINE_RANGE;
		l->line += (int)(op % PC2LINE_RANGE) + PC2LINE_BASE;
	}
	difference(l);
}

static void put(DynBuf *out, uint32_t pc, int line)
{
	if (line >= PC2LINE_BASE && line < PC2LINE_BASE + PC2LINE_RANGE && pc <= PC2LINE_DIFF_PC_MAX) {
		dbuf_putc(out, (uint8_t)(line - PC2LINE_BASE + (int)pc * PC2LINE_RANGE + PC2LINE_OP_FIRST));
	} else {
		dbuf_putc(out, 0);
		dbuf_put_leb128(out, pc);
		dbuf_put_sleb128(out, line);
	}
	dbuf_put_sleb128(out, 0); /* the column's difference */
}

/* Of a line of the script, both counted from 0. */
static int source_line(const struct source_lines *of, int line)
{
	return line < (int)of->count ? (int)of->lines[line] - 1 : line;
}

static void only_lines(JSContext *ctx, JSFunctionBytecode *b, const struct source_lines *of)
{
	struct lines now = { b->debug.pc2line_buf, b->debug.pc2line_buf + b->debug.pc2line_len, 0, 0 };
	uint32_t pc = 0;
	int last, line;
	DynBuf out;

	js_dbuf_init(ctx, &out);
	now.line = (int)number(&now);
	number(&now); /* the column */
	last = source_line(of, now.line);
	dbuf_put_leb128(&out, (uint32_t)last);
	dbuf_put_leb128(&out, 0);
	while (now.p < now.end) {
		entry(&now);
		line = source_line(of, now.line);
		if (line == last)
			continue;
		put(&out, now.pc - pc, line - last);
		pc = now.pc;
		last = line;
	}
	if (dbuf_error(&out))
		abort();
	js_free(ctx, b->debug.pc2line_buf);
	b->debug.pc2line_buf = out.buf;
	b->debug.pc2line_len = (int)out.size;
}

void strip(JSContext *ctx, JSValueConst v, const struct source_lines *of)
{
	JSFunctionBytecode *b;

	if (JS_VALUE_GET_TAG(v) == JS_TAG_MODULE)
		v = ((JSModuleDef *)JS_VALUE_GET_PTR(v))->func_obj;
	if (JS_VALUE_GET_TAG(v) != JS_TAG_FUNCTION_BYTECODE)
		return;
	b = JS_VALUE_GET_PTR(v);
	if (b->has_debug)
		only_lines(ctx, b, of);
	b->vardefs = NULL;
	for (int i = 0; i < b->closure_var_count; i++)
		b->closure_var[i].var_name = JS_ATOM_NULL;
	for (int i = 0; i < b->cpool_count; i++)
		strip(ctx, b->cpool[i], of);
}
