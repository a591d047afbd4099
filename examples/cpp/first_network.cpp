// Two inputs, one LIF neuron: prints when it fires.
#include <cstdio>
#include <evsim/kernel/registry.hpp>
#include <evsim/network.hpp>

int main() {
    // tau_mem, tau_syn; then threshold, v_rest, v_reset, bias, v_init, i_init
    const evsim::NeuronParameters parameters{{20.0, 10.0}, {{1.0}, {0.0}, {0.0}, {0.0}, {0.0}, {0.0}}};
    const auto kernel = evsim::find_kernel("lif", 4);
    const auto neurons = std::make_shared<evsim::Population>(kernel, evsim::Layout::row(1, kernel->info), parameters);
    const auto projection = std::make_shared<evsim::Projection>(neurons, 2);
    auto* weights = reinterpret_cast<float*>(projection->dense()->data());
    weights[0 * projection->dense()->stride()] = weights[1 * projection->dense()->stride()] = 5.0f;

    evsim::Network network;
    const std::int32_t source = network.add_input(2), target = network.add_population(neurons);
    network.connect(source, target, projection);
    evsim::SpikeArray input;
    input.add(0, 0.0);
    input.add(1, 2.0);
    evsim::Interruption interruption;
    network.infer({{{input.indices(), input.times()}}}, {}, interruption);
    const evsim::SpikeArray& output = neurons->output()->post_spikes[0];
    for (std::size_t k = 0; k < output.size(); ++k) std::printf("neuron %d at %.6f\n", output[k].index, output[k].time);
}
