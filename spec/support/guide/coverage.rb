# frozen_string_literal: true

require_relative "../guide"

module Guide
  # Who runs the examples of which guide; what nobody runs, and why. That commands and options exist is checked of all
  # (spec/unit/guides_spec.rb).
  module Coverage
    # Runs a guide's fences on a fleet, and commands within the texts of all guides, unless another is named here.
    ON_A_FLEET = "spec/acceptance/guides_spec.rb"
    CHEFSPEC = "spec/support/chefspec_examples/guide_spec.rb"
    COOKBOOK = "spec/integration/cookbook/guides_spec.rb"

    # Languages of fences that are run.
    RUN = %w[ruby sh].freeze

    # Commands of fences that are not run => why.
    FENCES = {
      /\A(?:bundle exec rb-sys-dock|knife data bag from file) / =>
        "needs what is not here: Docker and its images; a Chef server that the hub's user may write to"
    }.freeze

    # Commands of transcripts that are not made anew => why. Those of docs/troubleshooting.md are: mistakes_spec.rb.
    TRANSCRIPTS = {
      %r{\A(?:chef gem|\S*/?gem) install |\Aln -s /opt/} =>
        "installs from RubyGems into Chef's packages; spec/integration/gem_install_spec.rb does, from a file",
      /\Aflockctl version\z/ => "spec/integration/gem_install_spec.rb",
      /\Achef(?: generate |-client -j )|\Aecho .+ > \S+\.json\z|\Aflockctl token create / =>
        "the way with the cookbook, which needs Chef Workstation; spec/integration/cookbook/converge_spec.rb goes it",
      %r{\Abin/demo\z} => "installs packages of the machine first"
    }.freeze

    # Commands within texts that are not run => why.
    WITHIN_TEXTS = {
      /\b(?:ID|NODE|NAME|FILE|STRING)\b|…/ => "a form, of which something has to be filled in",
      /\Aflockctl\ (?:agent|init|join(?:\ -)?|restore|backup|leave(?:\ --yes)?|node\ remove|token\ create|run-chef|call|
        wait|notifications\ retry)\z/x => "names a command; fences have it with its arguments"
    }.freeze

    class << self
      # @return [Array<Example>] of all guides for users
      def examples = @examples ||= Guide.for_users.flat_map { |file| Guide.examples(file) }

      # @param file [String] a guide
      # @return [String] the spec that runs its fences
      def runner(file)
        return CHEFSPEC if file == "docs/chefspec.md"

        file.start_with?("cookbook/") ? COOKBOOK : ON_A_FLEET
      end

      # @param spec [String]
      # @return [Array<Example>] fences that are run there
      def fences(spec)
        examples.select do |one|
          RUN.include?(one.language) && runner(one.file) == spec && !listed?(FENCES, one.commands)
        end
      end

      # @return [Array<Example>] commands that are run, each once
      def within_texts
        examples.select { |one| one.language == "inline" && !listed?(WITHIN_TEXTS, [one.text]) }.uniq(&:text)
      end

      # @return [Array<String>] commands of transcripts that are neither made anew nor listed
      def forgotten
        transcripts = examples.select { |one| one.language == "console" && one.file != "docs/troubleshooting.md" }
        transcripts.flat_map(&:typed).reject { |command| listed?(TRANSCRIPTS, [command]) }
      end

      # @return [Array<Regexp>] what is listed and stands nowhere
      def needless
        texts = { FENCES => examples.flat_map(&:commands), TRANSCRIPTS => examples.flat_map(&:typed),
                  WITHIN_TEXTS => examples.select { |one| one.language == "inline" }.map(&:text) }
        texts.flat_map { |list, commands| list.keys.reject { |pattern| commands.grep(pattern).any? } }
      end

      private

      def listed?(list, commands) = commands.any? { |command| list.keys.any? { |pattern| pattern.match?(command) } }
    end
  end
end
