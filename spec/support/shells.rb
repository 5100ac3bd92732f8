# frozen_string_literal: true

require "fileutils"
require "open3"
require "shellwords"
require "tmpdir"

# What real shells offer with a completion script of ours; `flockctl` there only knows the names of three nodes.
class Shells
  # The completion function, as bash calls it. Bash takes `=` for a word of its own.
  BASH = <<~'BASH'
    source "$FOLDER/completion"
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
    _flockctl
    printf "%s\n" "${COMPREPLY[@]}"
  BASH
  # Seconds for an interactive shell to start and to answer.
  PATIENCE = "60"

  # @param name [String] "bash", "zsh" or "fish"
  # @param script [String]
  def initialize(name, script)
    @name = name
    @script = script
  end

  # @param line [String] with the word to be completed last; it ends with a space before an empty one
  # @return [Array<String>]
  def offers(line)
    Dir.mktmpdir do |folder|
      prepare(folder)
      send(@name, folder, line).split("\n").uniq.reject(&:empty?)
    end
  end

  private

  def prepare(folder)
    File.write(File.join(folder, "completion"), @script)
    program = File.join(folder, "flockctl")
    File.write(program, <<~SH)
      #!/bin/sh
      [ "$*" = 'nodes -F names' ] && printf 'web1\\nweb2\\ndb1\\n'
    SH
    File.chmod(0o755, program)
  end

  def bash(folder, line)
    words = line.sub("=", " = ").split
    words << "" if line.end_with?(" ")
    run(folder, "bash", "-c", BASH, "bash", *words)
  end

  def fish(folder, line)
    said = run(folder, "fish", "--no-config", "-c", "source $FOLDER/completion; complete -C #{line.shellescape}")
    # Beside each is what it does; after `=`, the option comes with it.
    said.gsub(/\t.*/, "").gsub(/^--[a-z-]+=/, "")
  end

  def zsh(folder, line)
    run(folder, "timeout", PATIENCE, "zsh", "-f", File.join(__dir__, "shell", "offer.zsh"), folder, line)
    hits = File.join(folder, "hits")
    File.exist?(hits) ? File.read(hits) : ""
  end

  def run(folder, *command)
    env = { "PATH" => "#{folder}:#{ENV.fetch("PATH")}", "FOLDER" => folder, "HOME" => folder }
    out, err, status = Open3.capture3(env, *command)
    raise "#{command.first}: #{err}" unless status.success? && err.empty?

    out
  end
end
