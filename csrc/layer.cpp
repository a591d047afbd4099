#include "layer.hpp"

namespace evsim {

std::shared_ptr<const LayerOutput> Layer::output() const {
    const std::lock_guard lock(output_mutex_);
    return output_;
}

void Layer::set_output(std::shared_ptr<const LayerOutput> output) {
    const std::lock_guard lock(output_mutex_);
    output_.swap(output);  // the old one is freed after the lock
}

}  // namespace evsim
