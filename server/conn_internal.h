/* SPDX-License-Identifier: MIT */
/* What conn.c (life, reading) and conn_out.c (writing) share. */
#ifndef TN_SERVER_CONN_INTERNAL_H
#define TN_SERVER_CONN_INTERNAL_H

#include "server/config.h"
#include "server/conn.h"

/* After our last words: how long, and for how many bytes, we listen on. */
#define TN_CONN_LINGER_MS 1000
#define TN_CONN_LINGER_BYTES ((size_t)1 << 20)

uint64_t tn_conn_now_ms(const struct tn_conn *conn);

/* conn.c */
void tn_conn_start_reading(struct tn_conn *conn);
void tn_conn_stop_reading(struct tn_conn *conn);
void tn_conn_give_back_in(struct tn_conn *conn);

/* conn_out.c */
void tn_conn_init_out(struct tn_buffer *buffer, const struct tn_config *config);
void tn_conn_give_back_out(struct tn_conn *conn);
void tn_conn_give_back_out_if_empty(struct tn_conn *conn);
bool tn_conn_is_all_sent(const struct tn_conn *conn);
/* Whether nothing of its answers has been taken for too long. Notes progress. */
bool tn_conn_is_stalled(struct tn_conn *conn, uint64_t now_ms);

#endif
