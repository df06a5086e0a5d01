#include "storage/sqlite/row_condition.h"

#include <variant>

#include "storage/sqlite/row.h"

namespace roktcached::storage {

namespace {

/// A target is the second word of a key's text, see caching::Key.
struct Sql {
  std::string operator()(const caching::Everything&) const { return "1"; }
  std::string operator()(const caching::WithKey&) const { return "key_hash = ?"; }
  std::string operator()(const caching::WithTarget&) const {
    return "((path = ? AND substr(key, length(credential) + 2, length(?) + 1) = ? || ' ') OR "
           "(path = ? AND substr(key, length(credential) + 2, length(?) + 1) = ? || ' '))";
  }
  std::string operator()(const caching::OfRoute&) const { return "route = ?"; }
  std::string operator()(const caching::OfAccount& wanted) const {
    return wanted.campaign_id ? "account_id = ? AND campaign_id = ?" : "account_id = ?";
  }
};

struct Binder {
  Statement::Use& use;
  const std::string& key_hash;

  void operator()(const caching::Everything&) const {}
  void operator()(const caching::WithKey&) const { use.blob(key_hash); }
  void operator()(const caching::WithTarget& wanted) const {
    for (const std::string_view target :
         {std::string_view(wanted.canonical), std::string_view(wanted.as_sent)})
      use.text(target.substr(0, target.find('?'))).text(target).text(target);
  }
  void operator()(const caching::OfRoute& wanted) const { use.text(wanted.name); }
  void operator()(const caching::OfAccount& wanted) const {
    use.text(wanted.account_id);
    if (wanted.campaign_id) use.text(*wanted.campaign_id);
  }
};

}  // namespace

RowCondition::RowCondition(caching::Selection selection)
    : selection_(std::move(selection)), sql_(std::visit(Sql{}, selection_)) {
  if (const auto* wanted = std::get_if<caching::WithKey>(&selection_)) {
    const HashBytes bytes = bytes_of(wanted->hash);
    key_hash_.assign(bytes.data(), bytes.size());
  }
}

void RowCondition::bind(Statement::Use& use) const {
  std::visit(Binder{use, key_hash_}, selection_);
}

}  // namespace roktcached::storage
