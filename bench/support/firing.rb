# frozen_string_literal: true

module Bench
  # The recipes of row 1. The target declares one resource of each type that makes a mark, among others that do nothing;
  # a Chef run on the sender updates a resource that notifies it, again and again, and takes the time.
  class Firing
    TYPES = {
      "ruby_block" => %w[ruby_block[mark] run], "file" => %w[file[%s] create], "template" => %w[template[%s] create],
      "service" => %w[service[mark] restart], "custom" => %w[acceptance_mark[mark] touch]
    }.freeze

    # @param dir [String] for marks and results
    def initialize(dir)
      @dir = dir
    end

    # @param size [Integer] how many resources the target has
    def target(node, size)
      <<~RUBY
        ruby_block('mark') { block { File.write('#{mark(node, "ruby_block")}', 'x') }; action :nothing }
        file('#{mark(node, "file")}') { content 'x'; action :nothing }
        template('#{mark(node, "template")}') { source 'mark.erb'; action :nothing }
        service 'mark' do
          provider Chef::Provider::Service::Simple
          status_command 'true'
          restart_command 'cp /dev/null #{mark(node, "service")}'
          action :nothing
        end
        acceptance_mark('mark') { path '#{mark(node, "custom")}'; action :nothing }
        #{size - TYPES.length}.times { |n| file("#{@dir}/#{node}-filler-\#{n}") { content 'same' } }
      RUBY
    end

    # @return [Hash{String => String}] what belongs into the target's cookbook
    def files
      { "templates/mark.erb" => "<%= node.name %>\n", "resources/mark.rb" => <<~RUBY }
        unified_mode true
        property :path, String
        action(:touch) { file(new_resource.path) { content 'x' } }
      RUBY
    end

    # From the moment at which the block of the source has ended, when Chef calls it updated, until the mark is seen.
    # The next one waits until this one's outcome is known.
    def source(node, type, count)
      key, action = TYPES.fetch(type).map { |text| format(text, mark(node, type)) }
      <<~RUBY
        #{helpers(mark(node, type))}
        #{count}.times do |n|
          ruby_block "source \#{n}" do
            block do
              FileUtils.rm_f(mark)
              began = clock.call
            end
            remote_notifies :#{action}, '#{key}', :immediately, node: '#{node}'
          end
          ruby_block "wait \#{n}" do
            block do
              patiently.call('the mark', 0.0005) { File.exist?(mark) }
              took << (clock.call - began) * 1_000
              patiently.call('the outcome', 0.01, &ended)
            end
          end
        end
        ruby_block('keep') { block { File.write('#{result}', JSON.generate(took)) } }
      RUBY
    end

    # @return [Array<Float>] milliseconds of the last run
    def took = JSON.parse(File.read(result))

    private

    def helpers(mark)
      <<~RUBY
        require "flock_of_chefs/local_client"
        mark = '#{mark}'
        clock = -> { Process.clock_gettime(Process::CLOCK_MONOTONIC) }
        client = FlockOfChefs::LocalClient.configured
        took = []
        began = nil
        patiently = lambda do |what, pause, &condition|
          until condition.call
            raise "\#{what}: not within 60 s" if clock.call - began > 60
            sleep pause
          end
        end
        ended = lambda do
          newest = client.call('list', { direction: 'out', limit: 1 })['records'].first
          raise newest.to_s if %w[failed unknown denied undeliverable expired].include?(newest['state'])
          newest['state'] == 'done'
        end
      RUBY
    end

    def mark(node, type) = File.join(@dir, "#{node}-#{type}")
    def result = File.join(@dir, "took.json")
  end
end
