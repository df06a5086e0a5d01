#pragma once

#include <forward_list>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/http/target.h"
#include "core/rokt/parameters.h"
#include "core/rokt/routes.h"
#include "core/time.h"
#include "server/proxy/formats/presentation.h"

namespace roktcached::proxy {

/// The parameters of a request as they go into its key: without this proxy's own, and with the range that
/// those, or the settings, put in place of the client's.
class Question {
 public:
  Question() = default;
  Question(Question&&) = default;  // what the parameters are views into stays where it is
  Question& operator=(Question&&) = default;

  /// @param query  outlives the result
  /// @param now    what moving dates are counted from
  /// @return invalid_request, which names the parameter, what came and what is accepted
  [[nodiscard]] static Result<Question> read(const rokt::Route& route, const http::Query& query,
                                             const rokt::ParameterRules& rules, WallTime now);

  [[nodiscard]] std::span<const http::QueryParameter> parameters() const { return parameters_; }
  /// Null: there is nothing to say, as of nearly all requests.
  [[nodiscard]] const std::shared_ptr<const Presentation>& presentation() const { return presentation_; }

 private:
  [[nodiscard]] Presentation& said();
  [[nodiscard]] const http::QueryParameter* find(std::string_view name) const;
  [[nodiscard]] std::string_view value_of(std::string_view name) const;
  void set(std::string_view name, std::string value);
  [[nodiscard]] Result<void> take_own(const rokt::Route& route, WallTime now);
  [[nodiscard]] Result<void> choose_dates(const rokt::Route& route, std::string_view name, WallTime now);
  void round_end(std::chrono::milliseconds step, WallTime now);
  void say_range(Presentation::Span holds);

  std::span<const http::QueryParameter> parameters_;  // of the query, or changed_
  std::vector<http::QueryParameter> changed_;
  std::forward_list<std::string> texts_;  // of what was put in
  std::shared_ptr<Presentation> presented_;
  std::shared_ptr<const Presentation> presentation_;
};

}  // namespace roktcached::proxy
