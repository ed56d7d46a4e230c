# More tasks when work waits: by the age of the oldest batch that waits, and by processor time.

locals {
  scaled = { for role in concat(local.workers, ["api"]) : role => var.sizes[role] if var.sizes[role].most > var.sizes[role].count }
  # Of a role: its task queue, and the seconds that the oldest task may wait before another process is started.
  waits = {
    batches    = { queue = "tidegate-batches", seconds = 15 }
    backfill   = { queue = "tidegate-backfill", seconds = 120 }
    writebacks = { queue = "tidegate-writebacks", seconds = 30 }
  }
}

resource "aws_appautoscaling_target" "role" {
  for_each           = local.scaled
  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${aws_ecs_cluster.this.name}/${aws_ecs_service.role[each.key].name}"
  min_capacity       = each.value.count
  max_capacity       = each.value.most
}

resource "aws_appautoscaling_policy" "processor" {
  for_each           = local.scaled
  name               = "processor"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.role[each.key].service_namespace
  scalable_dimension = aws_appautoscaling_target.role[each.key].scalable_dimension
  resource_id        = aws_appautoscaling_target.role[each.key].resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = 60
    scale_in_cooldown  = 300
    scale_out_cooldown = 60

    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}

# The collector of the observability module publishes the metric from the engine's own.
resource "aws_appautoscaling_policy" "backlog" {
  for_each           = { for role, wait in local.waits : role => wait if contains(keys(local.scaled), role) }
  name               = "backlog"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.role[each.key].service_namespace
  scalable_dimension = aws_appautoscaling_target.role[each.key].scalable_dimension
  resource_id        = aws_appautoscaling_target.role[each.key].resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = each.value.seconds
    scale_in_cooldown  = 300
    scale_out_cooldown = 60

    customized_metric_specification {
      namespace   = "Tidegate"
      metric_name = var.backlog_metric
      statistic   = "Maximum"

      dimensions {
        name  = "queue"
        value = each.value.queue
      }

      dimensions {
        name  = "deployment"
        value = var.name
      }
    }
  }
}
