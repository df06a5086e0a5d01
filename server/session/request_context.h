#pragma once

#include <memory>
#include <string>
#include <vector>

#include "server/http/answer_writer.h"
#include "server/http/message.h"
#include "server/net/departure.h"
#include "server/session/request_reader.h"

namespace roktcached::session {

/// What serving takes: the bytes that have come, the request that is read out of them, its answer, and what
/// is to be sent.
struct RequestContext {
  explicit RequestContext(const Limits& limits, net::WaitingSenders* senders = nullptr)
      : reader(limits), writer(senders) {}

  RequestReader reader;
  Departure departure;  ///< of the client whose request it is
  Incoming incoming;
  http::Answer answer;
  std::string browser_fields;  ///< of the answer
  http::AnswerWriter writer;
};

/// The workbenches of one thread. A connection borrows one for as long as it has something to serve, so that
/// an idle one holds nothing, and hits come by without an allocation.
class ContextPool {
 public:
  /// @param limits, senders  outlive the workbenches; see http::AnswerWriter
  explicit ContextPool(const Limits& limits, net::WaitingSenders* senders = nullptr);

  /// A new one.
  [[nodiscard]] std::unique_ptr<RequestContext> make() const {
    return std::make_unique<RequestContext>(limits_, senders_);
  }

  [[nodiscard]] std::unique_ptr<RequestContext> borrow();
  /// @pre nothing is left on it: no bytes of a request, nothing to be sent
  void give_back(std::unique_ptr<RequestContext> bench);

 private:
  const Limits& limits_;
  net::WaitingSenders* const senders_;
  std::vector<std::unique_ptr<RequestContext>> free_;
};

}  // namespace roktcached::session
