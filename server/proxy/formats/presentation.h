#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/caching/freshness.h"
#include "core/caching/stored_response.h"
#include "core/error.h"
#include "core/formats/own_parameters.h"
#include "core/http/fields.h"
#include "core/time.h"

namespace roktcached::proxy {

/// The wishes of a request for the form of its answer, by this proxy's own parameters, and what its answer is
/// to say of its question. None of it is in the key.
struct Presentation {
  std::optional<formats::Format> format;  ///< empty: Accept decides
  std::vector<formats::Column> columns;
  /// For Report-Range: the range that was chosen here, rather than by the client. Empty: none.
  std::string report_range;
  /// When the same request asks this question, since its range moves with the time. Empty: always. The
  /// beginning counts, too: the clock may be set back.
  struct Span {
    WallTime from;
    WallTime until;  ///< no longer then
  };
  std::optional<Span> holds;
};

/// Whether a request surely wants plain JSON: it has no parameter of ours, and no Accept or one that programs
/// commonly send. For nearly all requests this settles it, on the way of a hit, so it is one pass over the
/// fields.
[[nodiscard]] inline bool wants_plain_json(const Presentation* presentation, const http::Fields& request) {
  if (presentation != nullptr) return false;
  bool plain = true;
  bool met = false;
  request.for_each("Accept", [&](std::string_view accept) {
    const bool common =
        accept == "*/*" || accept == "application/json" || accept == "application/json, text/plain, */*";
    plain = common && !std::exchange(met, true);
  });
  return plain;
}

/// The form that a request wants of its answer: roktcached-format, else what Accept names. A wildcard is
/// JSON.
/// @param presentation  null: the request has no parameters of ours
/// @return invalid_request if columns are to be added to JSON
[[nodiscard]] Result<formats::Format> format_wanted(const Presentation* presentation,
                                                    const http::Fields& request);

/// The columns that are added to an answer, with what they say of it.
[[nodiscard]] std::vector<formats::AddedColumn> added_columns(const Presentation* presentation,
                                                              const caching::StoredResponse& stored,
                                                              const caching::FreshnessPolicy& policy);

/// The entity-tag of an answer in another form: its own, with the form's name behind it. Two forms that
/// differ in one octet have two tags.
[[nodiscard]] std::string tag_of_form(std::string_view entity_tag, formats::Format format,
                                      const std::vector<formats::AddedColumn>& added);

}  // namespace roktcached::proxy
