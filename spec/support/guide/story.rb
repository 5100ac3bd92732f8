# frozen_string_literal: true

require_relative "stage"

module Guide
  # A guide that is followed from its beginning: a recipe is given to its node, and `chef-client` of a later example
  # runs it.
  class Story
    # @param stage [Stage]
    def initialize(stage)
      @stage = stage
    end

    # @param example [Example]
    # @raise [RuntimeError] naming it
    def tell(example)
      case example.language
      when "ruby" then ruby(example)
      when "sh" then @stage.shell(@stage.nodes_of(example).first, example)
      end
    rescue StandardError => e
      raise "#{example}: #{e.message}"
    end

    # @param examples [Array<Example>]
    def tell_all(examples) = examples.each { |example| tell(example) }

    private

    def ruby(example)
      nodes = @stage.nodes_of(example, default: "bender0")
      nodes.each { |node| example.file_of_machine? ? @stage.write(node, example) : @stage.give(node, example) }
    end
  end
end
