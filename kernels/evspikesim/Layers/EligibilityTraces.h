// For kernel sources written for EvSpikeSim 0.5: its names for the six callbacks.
#pragma once

#include <initializer_list>

#include <evsim/callbacks.h>

#define CALLBACK

namespace EvSpikeSim {

/// Enough of a vector to return time constants in.
template <class T>
class vector {
 public:
    static constexpr int capacity = 16;
    vector() = default;
    vector(std::initializer_list<T> values) {
        for (const T value : values) push_back(value);
    }
    void push_back(T value) {
        if (size_ < capacity) values_[size_] = value;
        ++size_;
    }
    int size() const { return size_; }
    T operator[](int k) const { return values_[k]; }

 private:
    T values_[capacity] = {};
    int size_ = 0;
};

vector<float> synaptic_traces_tau(float tau_s, float tau);
vector<float> neuron_traces_tau(float tau);
void on_pre_neuron(float weight, float* neuron_traces);
void on_pre_synapse(float weight, const float* neuron_traces, float* synaptic_traces);
void on_post_neuron(float* neuron_traces);
void on_post_synapse(float weight, const float* neuron_traces, float* synaptic_traces);

}  // namespace EvSpikeSim
