// For kernel sources written for EvSpikeSim 0.5: its names for the six callbacks.
#pragma once

#if !defined(__CUDACC__)
#include <algorithm>
#include <cmath>
#include <iostream>
#endif

#include <evsim/callbacks.h>

#include <evspikesim/Misc/Algorithms.h>
#include <evspikesim/Misc/ContainerTypes.h>
#include <evspikesim/Misc/Decorators.h>

namespace EvSpikeSim {

vector<float> synaptic_traces_tau(float tau_s, float tau);
vector<float> neuron_traces_tau(float tau);
void on_pre_neuron(float weight, float* neuron_traces);
void on_pre_synapse(float weight, const float* neuron_traces, float* synaptic_traces);
void on_post_neuron(float* neuron_traces);
void on_post_synapse(float weight, const float* neuron_traces, float* synaptic_traces);

}  // namespace EvSpikeSim
