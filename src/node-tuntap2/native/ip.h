/* IP and TCP headers: validation, and MSS clamping. */
#ifndef TT_IP_H
#define TT_IP_H
#include <stddef.h>
#include <stdint.h>

/* Length of the IP packet at p, 0 when it is none of that version (version, header and length; a jumbogram is none). */
size_t ip4_length(const uint8_t *p, size_t len);
size_t ip6_length(const uint8_t *p, size_t len);
/*
 * Lowers the MSS of a TCP SYN in the IP packet at p and mends its checksum (RFC 1624); `mss` is the one for IPv4 in
 * both.
 */
void ip4_clamp(uint8_t *p, size_t len, uint32_t mss);
void ip6_clamp(uint8_t *p, size_t len, uint32_t mss);

#endif
