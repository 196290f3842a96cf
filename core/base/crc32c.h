/* SPDX-License-Identifier: MIT */
/*
 * CRC-32C (Castagnoli; RFC 3720, appendix B.4), for content that travels in pieces.
 * Uses the processor's instruction where there is one, else tables. Any thread,
 * never blocks.
 */
#ifndef TN_CORE_BASE_CRC32C_H
#define TN_CORE_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* The checksum of no bytes. */
#define TN_CRC32C_EMPTY UINT32_C(0)

/* The checksum of some bytes whose checksum is `crc`, and of `n_bytes` more behind
 * them. `data` may be NULL if there are none. */
uint32_t tn_crc32c(uint32_t crc, const void *data, size_t n_bytes);

/* The same without the processor's instruction, so that tests can compare. */
uint32_t tn_crc32c_portable(uint32_t crc, const void *data, size_t n_bytes);

#endif
