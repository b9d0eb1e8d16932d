/* Every binding, and what a JavaScript environment holds of them. */
#include "bind.h"

const struct tt_binding *const tt_bindings[] = {
	&bind_io,  &bind_lock, &bind_serial,   &bind_ppp, &bind_crypto, &bind_deflate,
	&bind_tls, &bind_pki,  &bind_pki_make, &bind_fp,  NULL,
};

void tt_inst_begin(struct tt_inst *inst)
{
	memset(inst, 0, sizeof *inst);
	for (const struct tt_binding *const *b = tt_bindings; *b; b++)
		if ((*b)->begin)
			(*b)->begin(inst);
}

void tt_inst_end(struct tt_inst *inst)
{
	for (const struct tt_binding *const *b = tt_bindings; *b; b++)
		if ((*b)->end)
			(*b)->end(inst);
}
