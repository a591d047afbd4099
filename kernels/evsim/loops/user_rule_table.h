// The last include of callbacks compiled at run time: their table.
#pragma once

#include <evsim/loops/rule_table.h>
#include <evsim/plasticity/user_rule.h>

/// What a compiled library exports.
#define EVSIM_EXPORT_RULE(name)                                                                            \
    extern "C" __attribute__((visibility("default"))) const evsim::RuleKernel* evsim_rule() {              \
        static const evsim::RuleKernel rule = evsim::RuleTable<evsim::real, evsim::UserRule>::table(name); \
        return &rule;                                                                                      \
    }
