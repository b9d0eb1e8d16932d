/* Constants of the system's headers, for TypeScript. */
#ifndef TT_CONSTANTS_H
#define TT_CONSTANTS_H
#include <stdint.h>

struct tt_constant {
	const char *name;
	int64_t value;
};
extern const struct tt_constant tt_constants[]; /* ends with a NULL name */

#endif
