// Two inputs, one LIF neuron: prints when it fires.
#include <cstdio>
#include <evsim/dense_layer.hpp>
#include <evsim/network.hpp>

int main() {
    // tau_mem, tau_syn; then threshold, v_rest, v_reset, bias, v_init, i_init
    auto layer = std::make_shared<evsim::DenseLayer>(
        2, 1, 4, evsim::NeuronSettings{"lif", {20.0, 10.0}, {{1.0}, {0.0}, {0.0}, {0.0}, {0.0}, {0.0}}});
    auto* weights = reinterpret_cast<float*>(layer->connection().data());
    weights[0 * layer->connection().stride()] = weights[1 * layer->connection().stride()] = 5.0f;

    evsim::Network network;
    network.add(layer);
    evsim::SpikeArray input;
    input.add(0, 0.0);
    input.add(1, 2.0);
    evsim::Interruption interruption;
    network.infer({{input.indices(), input.times()}}, {}, interruption);
    const evsim::SpikeArray& output = layer->output()->post_spikes[0];
    for (std::size_t k = 0; k < output.size(); ++k) std::printf("neuron %d at %.6f\n", output[k].index, output[k].time);
}
