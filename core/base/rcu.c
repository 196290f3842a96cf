/* SPDX-License-Identifier: MIT */
#include "core/base/rcu.h"

#if TN_TSAN
/*
 * Every leaving of a read section releases this tag and every end of a grace
 * period acquires it: the happens-before edge that liburcu really makes.
 */
char tn_rcu_tsan_tag;
#else
/* A translation unit must not be empty. */
extern const char tn_rcu_flavour[];
const char tn_rcu_flavour[] = "qsbr";
#endif
