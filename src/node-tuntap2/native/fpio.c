#include "fpio.h"
#include "io.h"
#include "offload.h"

static void to_tuns(struct tt_fp *fp, struct tt_ring *r, uint32_t n);
static int to_sockets(struct tt_fp *fp, struct tt_ring *r, uint32_t n);

int fp_receive(struct tt_fp *fp, enum tt_origin origin, int fd, struct tt_ring *r, int *up, struct tt_err *e)
{
	static const uint32_t kinds[] = {
		[ORIGIN_UDP4500] = TT_K_UDP4500,
		[ORIGIN_RAW50] = TT_K_RAW50,
		[ORIGIN_UDP1701] = TT_K_UDP1701,
	};
	bool raw = origin == ORIGIN_RAW50;
	struct tt_err unsent; /* counted among the drops */
	int n = raw ? tt_read_raw(fd, r, e) : tt_read_udp(fd, r, e);

	*up = 0;
	if (n <= 0)
		return n;
	*up = fp_rx(fp, origin, r, (uint32_t)n);
	if (fp->answered)
		tt_write_socket(fd, r, (uint32_t)n, kinds[origin], raw, fp->drops, &unsent);
	to_tuns(fp, r, (uint32_t)n);
	return n;
}

/* Each TUN's packets in one call. */
static void to_tuns(struct tt_fp *fp, struct tt_ring *r, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t ref = r->meta[i * TT_META + TT_REF];
		int fd;

		if (!r->meta[i * TT_META + TT_LEN] || r->meta[i * TT_META + TT_KIND] != TT_K_TUN)
			continue;
		fd = fp_exit(fp, TT_K_TUN, ref);
		if (fd >= 0)
			tt_write_tun(fd, r, n, ref, fp->drops);
		for (uint32_t k = i; k < n; k++) {
			uint32_t *m = r->meta + k * TT_META;

			if (!m[TT_LEN] || m[TT_KIND] != TT_K_TUN || m[TT_REF] != ref)
				continue;
			m[TT_LEN] = 0;
			if (fd < 0)
				fp->drops[D_TUN_ERROR]++; /* the netdev is going */
		}
	}
}

int fp_transmit(struct tt_fp *fp, uint32_t dev, int fd, struct tt_ring *r, int *up, struct tt_err *e)
{
	int n = tt_read_tun(fd, r, e);

	*up = 0;
	if (n <= 0)
		return n;
	fp_tx(fp, dev, r, (uint32_t)n);
	*up = to_sockets(fp, r, (uint32_t)n);
	return n;
}

static int to_sockets(struct tt_fp *fp, struct tt_ring *r, uint32_t n)
{
	static const uint32_t kinds[] = { TT_K_UDP4500, TT_K_RAW50, TT_K_UDP1701 };
	int leave[3][2] = { 0 }, fds[3][2], up = 0, left = 0;
	bool missing = false;
	struct tt_err unsent; /* counted among the drops */

	for (uint32_t i = 0; i < n; i++) {
		const uint32_t *m = r->meta + i * TT_META;

		if (!m[TT_LEN])
			continue;
		if (m[TT_KIND] == TT_K_UP_IP)
			up++;
		for (int k = 0; k < 3; k++)
			leave[k][r->addr[(size_t)i * TT_ADDR + TT_A_FAMILY] == 6] += m[TT_KIND] == kinds[k];
	}
	for (int k = 0; k < 3; k++)
		for (int six = 0; six < 2; six++) {
			left += leave[k][six];
			fds[k][six] = leave[k][six] ? fp_exit(fp, kinds[k], six ? 6 : 4) : -1;
			missing |= leave[k][six] && fds[k][six] < 0;
		}
	if (missing)
		return up + left;
	for (int k = 0; k < 3; k++)
		for (int six = 0; six < 2; six++) {
			const struct tt_offload *o = tt_offload_of(fds[k][six]);

			if (!leave[k][six])
				continue;
			tt_write_socket(fds[k][six], r, n, kinds[k], kinds[k] == TT_K_RAW50, fp->drops, &unsent);
			if (o && o->refused)
				up++;
		}
	for (uint32_t i = 0; i < n; i++)
		if (r->meta[i * TT_META + TT_KIND] != TT_K_UP_IP)
			r->meta[i * TT_META + TT_LEN] = 0;
	return up;
}
