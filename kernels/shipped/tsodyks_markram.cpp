// Short-term plasticity (Tsodyks, Uziel & Markram 2000; Morrison, Diesmann & Gerstner 2008). Resources x recover to 1
// with tau_rec, their utilization u falls back to U with tau_fac; from one arrival to the next after a time t,
//   u <- U + u (1 - U) e^{-t / tau_fac},   x <- 1 + (x - x u - 1) e^{-t / tau_rec},
// and what arrives is w u x. The first arrival finds u = U and x = 1. A time constant of 0: no facilitation, u = U; or
// no depression, x = 1. The traces are what has been taken from the resources, and u.
#include <evsim/callbacks.h>

using evsim::real;

EVSIM_PARAMETERS(utilization = 0.5, tau_rec = 800, tau_fac = 0)

auto synaptic_traces_tau(const Parameters& p) {
    return evsim::time_constants(p.tau_rec > 0 ? p.tau_rec : real(1), p.tau_fac > 0 ? p.tau_fac : real(1));
}

real on_delivery(real weight, const real*, real* synapse, const Parameters& p) {
    const real u = p.utilization + (p.tau_fac > 0 ? synapse[1] * (1 - p.utilization) : real(0));
    const real used = u * (1 - synapse[0]);
    if (p.tau_rec > 0) synapse[0] += used;
    synapse[1] = u;
    return weight * used;
}
