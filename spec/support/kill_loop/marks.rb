# frozen_string_literal: true

class KillLoop
  # The oracle: a file to which each action of the target appends its own name with O_APPEND and fsync; and the recipes
  # that make it.
  class Marks
    # How many resources are fired because the sender's runs change something.
    SUBSCRIBED = 100

    # @param directory [String]
    # @param sent [Integer] how many resources there are for notifications
    def initialize(directory, sent)
      @directory = directory
      @sent = sent
    end

    def count(key) = tally.fetch(key[/\[mark (.+)\]/, 1], 0)

    # The target's recipe.
    def recipe = "#{helper}#{sent}#{subscribed}"

    # The sender's recipe of its nth run: one more change that the target subscribes to.
    def change(number) = "file('#{source(number)}') { content 'x' }\n"

    private

    def tally = @tally ||= File.readlines(path, chomp: true).tally
    def path = File.join(@directory, "oracle")
    def source(number) = File.join(@directory, "change#{number}")

    def helper
      <<~RUBY
        append = lambda do |name|
          File.open('#{path}', File::WRONLY | File::APPEND | File::CREAT) do |file|
            file.write("\#{name}\\n")
            file.fsync
          end
        end
      RUBY
    end

    # Every third lasts a while, so that some are killed in the middle.
    def sent
      <<~RUBY
        #{@sent}.times do |number|
          ruby_block "mark \#{number}" do
            action :nothing
            block { append.call(number) && ((number % 3).zero? && sleep(0.3)) }
          end
        end
      RUBY
    end

    def subscribed
      <<~RUBY
        #{SUBSCRIBED}.times do |number|
          ruby_block "mark s\#{number}" do
            action :nothing
            block { append.call("s\#{number}") }
            remote_subscribes :run, "file[#{@directory}/change\#{number}]", node: 'sender'
          end
        end
      RUBY
    end
  end
end
