#pragma once

#include <memory>
#include <string>
#include <vector>

#include "server/http/answer_writer.h"
#include "server/http/message.h"
#include "server/net/departure.h"
#include "server/session/request_reader.h"

namespace roktcached {
struct ThreadRuntime;
}

namespace roktcached::session {

/// The memory that serving takes: the bytes that have come, the request that is read out of them, its answer,
/// and the output.
struct RequestContext {
  explicit RequestContext(const Limits& limits) : reader(limits), limits_number(limits.number) {}

  RequestReader reader;
  Departure departure;  ///< of the client whose request it is
  Incoming incoming;
  http::Answer answer;
  std::string browser_fields;  ///< of the answer
  http::AnswerWriter writer;
  http::Written cut;              ///< what went of an answer that was cut
  bool told_to_continue = false;  ///< the client of the request that is read
  /// The snapshot of the settings that the latest request began under. It is changed only when it is another
  /// one, so that a hit counts no reference. Null: no request yet, or nothing that a reload could change.
  std::shared_ptr<const ThreadRuntime> runtime;
  const std::uint64_t limits_number;  ///< Limits::number when it was made
};

/// The request contexts of one thread. A connection borrows one while it has something to serve. So an idle
/// connection holds none, and a hit makes no allocation.
class ContextPool {
 public:
  /// @param limits  outlive the contexts
  explicit ContextPool(const Limits& limits);

  [[nodiscard]] std::unique_ptr<RequestContext> borrow();
  /// @pre no bytes of a request and no output are left in it
  void give_back(std::unique_ptr<RequestContext> request_context);
  /// Frees the contexts that nobody has borrowed, and with them the snapshots that they were used under.
  void free_all() { free_.clear(); }

 private:
  /// A reload may have changed limits, and the reader remembers what it accepted under the old ones.
  [[nodiscard]] bool is_up_to_date(const RequestContext& request_context) const {
    return request_context.limits_number == limits_.number;
  }

  const Limits& limits_;
  std::vector<std::unique_ptr<RequestContext>> free_;
};

}  // namespace roktcached::session
