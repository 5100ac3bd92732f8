# frozen_string_literal: true

require_relative "handover"
require_relative "per_run"
require_relative "proxy"
require_relative "source"
require_relative "surroundings"
require_relative "../run/sources"

module FlockOfChefs
  module Recipe
    # The proxies of one Chef run and what they are about to send.
    class Registry
      extend PerRun

      # Where in +node.run_state+.
      STATE_KEY = :flock_of_chefs_notifications

      # @return [Chef::RunContext]
      attr_reader :root

      def initialize(root)
        @root = root
        @proxies = {}
        @requests = {}.compare_by_identity
        @pending = Hash.new { |hash, proxy| hash[proxy] = [] }.compare_by_identity
        @patience = {}.compare_by_identity
        @handovers = {}.compare_by_identity
        @actions = {}.compare_by_identity
        @surroundings = Surroundings.of(root)
        @surroundings.announce
        Run::Sources.attach(root.events, self)
      end

      # @param declaration [Declaration]
      # @param declarer [Chef::Resource]
      # @return [Proxy, nil] the one proxy of its request; nil where nothing can be sent
      def proxy_for(declaration, declarer)
        return unless @surroundings.arm?

        request = declaration.request
        proxy = @proxies[request] ||= Proxy.build(request, declarer).tap { |built| @requests[built] = request }
        be_patient(proxy, declarer, declaration.patience)
        # Chef queues it at once if the declarer already ran.
        note(declarer, [proxy]) if declaration.timing == :delayed && updated_earlier?(declarer)
        proxy
      end

      # @return [Boolean] whether the resource notifies one of our proxies
      def linked?(resource)
        context = resource.run_context
        [context.before_notifications(resource), context.immediate_notifications(resource),
         context.delayed_notifications(resource)].any? { |list| list.any? { |item| proxy?(item.resource) } }
      end

      # Remembers which action a linked resource is about to run.
      def started(resource, action)
        @actions[resource] = action
      end

      # Remembers an updated resource for its delayed notifications, whose notifier Chef does not pass on.
      def updated(resource)
        targets = resource.run_context.delayed_notifications(resource).map(&:resource)
        note(resource, targets.select { |item| proxy?(item) })
      end

      # From now on, a delayed notification without a recorded source is sent nevertheless.
      def distrust_sources
        @blind = true
      end

      # Takes what has been collected for the proxy; a second call finds nothing.
      #
      # @return [Handover]
      def prepare(proxy, notification_type, notifier)
        timing = Handover::TIMINGS.fetch(notification_type, "immediately")
        collected = @pending.delete(proxy) if timing == "delayed"
        collected ||= notifier ? [source_of(notifier, proxy)] : []
        patience = patience(proxy, collected)
        @handovers[proxy] = Handover.new(@requests.fetch(proxy), timing, collected, patience:, blind: @blind,
                                                                                    off: !Surroundings.of(@root).send?)
      end

      # @return [Handover, nil]
      def handover_of(proxy) = @handovers[proxy]

      # Delayed notifications that Chef queued and never ran: +:reboot_now+ leaves the run that way.
      #
      # @return [Array<Handover>]
      def left_over
        queued = @root.delayed_actions.map(&:resource).select { |item| proxy?(item) && @pending.key?(item) }
        queued.uniq(&:object_id).map { |proxy| prepare(proxy, :delayed, nil) }
      end

      private

      def proxy?(item) = item.is_a?(Proxy)

      def updated_earlier?(declarer)
        context = declarer.run_context
        context.unified_mode && context.updated_resources.include?(declarer.declared_key)
      end

      def be_patient(proxy, declarer, patience)
        return unless patience

        declared = @patience[proxy] ||= {}.compare_by_identity
        declared[declarer] = [declared[declarer], patience].compact.max_by(&:limit_s)
      end

      # Of several that asked for it the most patient one counts.
      def patience(proxy, sources)
        asked = @blind || sources.empty? ? @patience[proxy].to_h.values : sources.map(&:patience)
        asked.compact.max_by(&:limit_s)
      end

      def source_of(resource, proxy) = Source.of(resource, @actions[resource], @patience[proxy].to_h[resource])

      def note(resource, proxies)
        proxies.each do |proxy|
          list = @pending[proxy]
          source = source_of(resource, proxy)
          list << source unless list.include?(source) || list.size >= Limits::SOURCES
        end
      end
    end
  end
end
