#include "server/commands/usage.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <vector>

#include "config/mistakes.h"

namespace roktcached::commands {

namespace {

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::vector<std::string> commands_of(CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](CLI::App*) { return true; })) {
    if (!command->get_name().empty()) names.push_back(command->get_name());
  }
  return names;
}

void add_options_of(const CLI::App& app, std::vector<std::string>& names) {
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      const std::string dashed = "--" + name;  // each group has a --help of its own
      if (std::ranges::find(names, dashed) == names.end()) names.push_back(dashed);
    }
  }
}

/// The long options of a command, with those of its groups.
std::vector<std::string> options_of(CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::App* group : command.get_subcommands([](CLI::App*) { return true; })) {
    if (group->get_name().empty()) add_options_of(*group, names);
  }
  add_options_of(command, names);
  return names;
}

std::string positionals_of(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_positional()) names.push_back(option->get_name());
  }
  return joined(names);
}

/// The first option among the words that nothing takes, else the first word. CLI11 has them in reverse order.
const std::string& first_of(const std::vector<std::string>& left) {
  const auto option =
      std::find_if(left.rbegin(), left.rend(), [](const std::string& word) { return word.starts_with('-'); });
  return option == left.rend() ? left.back() : *option;
}

/// A word that nothing takes.
std::string unexpected(CLI::App& command, const std::string& place, const std::string& word) {
  if (!word.starts_with('-')) {
    const std::string accepted = positionals_of(command);
    return place + ": \"" + word +
           "\" is one argument too many; accepted: " + (accepted.empty() ? "options alone" : accepted);
  }
  const std::string name = word.substr(0, word.find('='));
  const std::vector<std::string> options = options_of(command);
  return place + ": no option \"" + name + "\"" + config::suggestion(name, options) +
         "\naccepted: " + joined(options);
}

}  // namespace

std::string usage_mistake(CLI::App& app, const CLI::Error& error) {
  const auto parsed = app.get_subcommands();
  CLI::App& command = parsed.empty() ? app : *parsed.front();
  const std::string place = parsed.empty() ? app.get_name() : app.get_name() + " " + command.get_name();
  std::string mistake;
  if (const auto left = command.remaining(); !left.empty()) {
    mistake = unexpected(command, place, first_of(left));
  } else if (const auto before = app.remaining(); !before.empty()) {
    mistake = unexpected(app, app.get_name(), first_of(before));
  } else if (parsed.empty()) {
    mistake = place + ": no command; accepted: " + joined(commands_of(app));
  } else {
    mistake = place + ": " + error.what();
  }
  return mistake + "\nRun with --help for more information.";
}

std::string command_mistake(CLI::App& app, int argc, const char* const* argv) {
  if (argc < 2) return {};
  const std::string word = argv[1];
  const std::vector<std::string> commands = commands_of(app);
  if (word.starts_with('-') || std::ranges::find(commands, word) != commands.end()) return {};
  return "no command \"" + word + "\"" + config::suggestion(word, commands) +
         "\naccepted: " + joined(commands) + "\nRun with --help for more information.";
}

}  // namespace roktcached::commands
