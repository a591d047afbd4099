// The callbacks of the source before it, as a plasticity rule. Included after a user's kernel source, never before.
#pragma once

#include <evsim/plasticity/callback_rule.h>

using namespace evsim_not_defined;

namespace evsim {
inline namespace EVSIM_ISA {

EVSIM_NAME_CALLBACKS(UserCallbacks, )
using UserRule = CallbackRule<real, UserCallbacks>;

}  // namespace EVSIM_ISA
}  // namespace evsim
